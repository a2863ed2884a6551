"""The packed file: an ONNX model with its weights entropy-coded, to keep or send.

Here belongs how bytes are coded. What a model computes plays no part.
"""
