"""What loads an artefact and runs it: ONNX Runtime, OpenVINO, others by the entry-point group ``parefront.runtimes``.

Here belongs how files are opened in each on this machine, and the source that is streamed to a device for those that
its worker does not know by itself; one file a runtime. How devices are reached and timed is in ``device/``.
"""
