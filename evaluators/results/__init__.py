"""What was measured and how it is judged: measurements, metrics, candidates, budgets, the front.

Here belong values and their order. Nothing here runs a network: to import this room loads neither torch nor
onnxruntime.
"""
