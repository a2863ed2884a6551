"""How what lies behind a change is mended, without labels and within seconds, or a minute.

Here belongs what re-solves or shifts weights so that a compressed network gives what the uncompressed one gave, layer
by layer or block by block. Training of a whole network does not belong here.
"""
