"""The AMC agent: a DDPG actor that walks through the layers of a network.

He et al. 2018, "AMC: AutoML for Model Compression and Acceleration on Mobile Devices". Here belongs what the agent
sees, does and learns from; as a sampler it is registered like any other.
"""
