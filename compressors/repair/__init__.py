"""How what lies behind a change is mended in closed form, without training.

Here belongs what re-solves or shifts weights so that a compressed network gives what the uncompressed one gave.
Training does not belong here.
"""
