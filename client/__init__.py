"""Ask a classification service: from Python (`Classifier`) and from the command line (classify).

Nothing here knows of a checkout: address, model and key are handed in.
"""
