"""What methods ask of the uncompressed network and the calibration data: inputs, moments, spectra, sampled places.

Here belongs what is measured once a run and only read afterwards. What changes weights by it is in ``repair`` or in the
methods' own rooms.
"""
