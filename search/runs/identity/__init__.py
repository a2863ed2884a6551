"""What a run belongs to: the task's splits and metric, the network, the devices, the uncompressed model as measured.

Here belongs what is compared when a run is gone on with, and nothing that a trial adds to.
"""
