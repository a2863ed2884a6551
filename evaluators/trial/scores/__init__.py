"""How good artefacts are: scored on the search split and on the test split, in the runtime that will run them.

Here belongs what opens an artefact, runs it on a split and compares it with the uncompressed model. Metrics themselves
are in ``quality``.
"""
