from .errors import ConfigError, Infeasible, ParefrontError, TaskError, TraceError, is_of_the_host
from .knob import Choice, Knob
from .masking import MASK, masked, masked_command, masked_text
from .network.channels.cut import cut
from .network.channels.flow import labels_of, op_of
from .network.channels.joined import join_layers, reads_as, slices_left
from .network.channels.parts import layer_of, replace_layer
from .network.emission import Builder, Emittable, layer_node
from .network.emit import Artifact, emit
from .network.graph import ChannelGroup, Exclusion, Layer, ModelGraph, Node, Port, Slice, Window
from .network.hooks import watching
from .network.layers import (
    WEIGHTED,
    PaddedConv2d,
    SequenceLinear,
    conv_attributes,
    conv_like,
    input_origin_of,
    is_grouped,
    keep_outputs,
    norm_of,
    onnx_pads,
    origin_of,
    weight_matrix,
)
from .network.ops import Op
from .network.outputs import OutputSpec, output_specs
from .network.packing import is_packed, mark_packed, packed
from .network.rebuild import duplicate, tidy
from .network.trace import Traced, describe, trace
from .policy import Policy
from .space import SearchSpace
from .task import Dataset, Task
from .tensors.batch import Batch, named
from .tensors.signature import Signature

__all__ = [
    "MASK",
    "WEIGHTED",
    "Artifact",
    "Batch",
    "Builder",
    "ChannelGroup",
    "Choice",
    "ConfigError",
    "Dataset",
    "Emittable",
    "Exclusion",
    "Infeasible",
    "Knob",
    "Layer",
    "ModelGraph",
    "Node",
    "Op",
    "OutputSpec",
    "PaddedConv2d",
    "ParefrontError",
    "Policy",
    "Port",
    "SearchSpace",
    "SequenceLinear",
    "Signature",
    "Slice",
    "Task",
    "TaskError",
    "TraceError",
    "Traced",
    "Window",
    "conv_attributes",
    "conv_like",
    "cut",
    "describe",
    "duplicate",
    "emit",
    "input_origin_of",
    "is_grouped",
    "is_of_the_host",
    "is_packed",
    "join_layers",
    "keep_outputs",
    "labels_of",
    "layer_node",
    "layer_of",
    "mark_packed",
    "masked",
    "masked_command",
    "masked_text",
    "named",
    "norm_of",
    "onnx_pads",
    "op_of",
    "origin_of",
    "output_specs",
    "packed",
    "reads_as",
    "replace_layer",
    "slices_left",
    "tidy",
    "trace",
    "watching",
    "weight_matrix",
]
