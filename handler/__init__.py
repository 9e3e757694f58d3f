"""What runs inside a TorchServe worker: body in, picture, probabilities, ranked classes out.

Nothing here imports torch: the archive's engine runs the network.
"""
