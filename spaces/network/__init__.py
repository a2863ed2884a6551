"""A network as a graph: tracing, coupled channels, editing of modules, and the ONNX file that is made of it.

Here belongs what knows a network's structure and no compression method: what an operator does to channels, how layers
are taken out or put in, how each kind of layer is emitted. Methods that change it are in ``compressors``.
"""
