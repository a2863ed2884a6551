"""Where batches of training images come from, and how the images are changed.

Here belongs what gives or changes images. The one stream of them that all students share is beside this folder.
"""
