"""An ONNX file as a PyTorch module that computes the same, can be trained, and is written back as such a file.

Here belongs what reads a graph's operators and stored weights into torch and puts them back. How a policy changes a
network is in ``compressors``; how a compressed network is emitted in the first place in ``spaces/network``.
"""
