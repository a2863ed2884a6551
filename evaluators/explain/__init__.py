"""Where the time of an artefact goes, layer by layer, and what would mend it.

Here belongs what reads a profile of a session or the graph that the runtime has made, and explains it.
"""
