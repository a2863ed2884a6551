"""What was measured and how it is judged: measurements, metrics, candidates, budgets, the front.

Here belong values and their order. Nothing here runs a network: this room imports neither torch nor onnxruntime.
"""
