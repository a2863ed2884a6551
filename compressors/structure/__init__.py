"""Methods that leave fewer layers or fewer channels, with their criteria.

Here belongs what removes or fuses whole channels, layers and blocks. Layers that become several are in ``factors``.
"""
