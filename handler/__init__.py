"""What runs inside a TorchServe worker: a request body in, ranked classes out.

Nothing here imports torch: the archive's engine runs the network.
"""
