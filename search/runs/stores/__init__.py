"""The files of a run that are added to while it is searched, and their readers: each file is read once.

Here belongs what knows the name and the content of such files, one module a kind; when to write them is for the loop.
"""
