"""Inputs that leave the network early: heads behind blocks, and what chooses between them and the rest."""
