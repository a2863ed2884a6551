"""An ONNX file written as a LiteRT file (``.tflite``), operator by operator, with LiteRT's own 8-bit kernels.

Here belongs what is known of LiteRT's format: its tensors and operators, the order of axes in which it computes, how it
pads, which of its kernels take integers. What runs such a file is in ``litert_model.py`` beside this room.
"""
