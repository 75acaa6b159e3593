"""Both passes of the method as one ONNX graph: `lpt.model.two_pass` node by node."""

import onnx
import torch
from timm.layers import PatchEmbed
from torch import Tensor, nn

from lpt.backbones.towers.feature import Feature
from lpt.export.block_graph import AdapterValues, BlockGraph, KeyValue
from lpt.export.graph_builder import GraphBuilder
from lpt.export.nodes.feature_nodes import pooled_feature
from lpt.export.nodes.layer_nodes import norm, unsupported
from lpt.export.onnx_options import Dtype
from lpt.model.two_pass import LongTailedPromptModel
from lpt.task.exported.graph_inputs import TaskInputs

__all__ = ["method_graph"]


def method_graph(
    model: LongTailedPromptModel,
    inputs: TaskInputs | None,
    *,
    opset: int,
    dtype: Dtype,
    metadata: dict[str, str],
) -> onnx.ModelProto:
    """Build the graph: `pixel_values` to `logits`, `probabilities` and, in phase 2, `matched`.

    Args:
        model: backbone and sizes of the prompts.
        inputs: the tensors of a task, stored in the graph; None makes them inputs of the graph.
        opset: version of the operators.
        dtype: of products with weights of the backbone.
        metadata: text by name, for `metadata_props`.
    Raises: BackboneError for a part of the backbone that has no form in ONNX here.
    """
    graph = GraphBuilder(opset, dtype)
    _Passes(graph, model, inputs).build()
    return graph.model("lpt", metadata)


class _Passes:
    def __init__(
        self, graph: GraphBuilder, model: LongTailedPromptModel, inputs: TaskInputs | None
    ) -> None:
        self.graph, self.model, self.inputs = graph, model, inputs
        self.vit = model.backbone.model
        self.blocks = [
            BlockGraph(graph, block, f"blocks.{i}")
            for i, block in enumerate(model.backbone.prompted)
        ]
        self.count: int = self.vit.patch_embed.num_patches + self.vit.num_prefix_tokens
        self.batch = ""

    def build(self) -> None:
        graph, model = self.graph, self.model
        size = self.vit.patch_embed.img_size[0]
        pixels = graph.input("pixel_values", "batch", 3, size, size)
        names = TaskInputs.names(model.phases, adapters=model.adapters is not None)
        sources = {name: self._source(name) for name in names}
        self.batch = graph.node("Shape", pixels, start=0, end=1)
        shared = [self._shared(sources, i) for i in range(len(self.blocks))]
        if model.adapters is not None:
            for index, block in enumerate(self.blocks):
                block.adapter = self._adapter(sources, index)
        split = model.split
        tokens = self._embed(pixels)
        for block, prompts in zip(self.blocks[:split], shared[:split], strict=True):
            tokens = block.run(tokens, prompts)
        feature = self._finish(tokens, shared[split:])
        if model.phases == 2:
            keys = graph.transpose(sources["keys"], 1, 0)
            query = graph.unit(feature)
            matched = self._top(graph.node("MatMul", query, keys))
            feature = self._finish(tokens, self._joined(shared, sources["group_prompts"], matched))
            if model.reads_both:
                feature = graph.node("Add", query, graph.unit(feature))
        classes = graph.transpose(sources["classifier"], 1, 0)
        logits = graph.node("MatMul", graph.unit(feature), classes)
        scaled = graph.node("Div", logits, sources["temperature"])
        named = "classes" if self.inputs is None else self.inputs.classes
        graph.output(logits, "logits", "batch", named)
        graph.output(graph.node("Softmax", scaled, axis=-1), "probabilities", "batch", named)
        if model.phases == 2:
            graph.output(matched, "matched", "batch", model.shape.top_k, integer=True)

    def _source(self, name: str) -> str:
        if self.inputs is not None:
            return self.graph.constant(name, self.inputs.tensors()[name])
        backbone, suffix = self.model.backbone, self.model.backbone.depth - self.model.split
        head = self.blocks[0].parts.head_width
        table = (backbone.depth, backbone.heads, "prompts", head)
        sizes: dict[str, tuple[int | str, ...]] = {
            "shared_keys": table,
            "shared_values": table,
            "group_prompts": ("pool", suffix, "prompts", backbone.width),
            "keys": ("pool", backbone.feature_width),
            "classifier": ("classes", backbone.feature_width),
            "temperature": (1,),
            "adapter_down": (backbone.depth, backbone.width, "adapter"),
            "adapter_down_bias": (backbone.depth, "adapter"),
            "adapter_up": (backbone.depth, "adapter", backbone.width),
            "adapter_up_bias": (backbone.depth, backbone.width),
        }
        return self.graph.input(name, *sizes[name])

    def _shared(self, sources: dict[str, str], block: int) -> KeyValue:
        """Keys and values of the shared prompts of one block, for each image."""
        return KeyValue(
            self._for_each(sources["shared_keys"], block),
            self._for_each(sources["shared_values"], block),
        )

    def _for_each(self, table: str, block: int) -> str:
        graph = self.graph
        own = graph.part(table, 0, block, block + 1)
        sizes = graph.node("Concat", self.batch, graph.numbers(1, 1, 1), axis=0)
        return graph.node("Expand", own, sizes)

    def _adapter(self, sources: dict[str, str], block: int) -> AdapterValues:
        """Weights of the adapter of one block."""
        graph = self.graph
        own = (
            graph.part(sources[f"adapter_{name}"], 0, block, block + 1)
            for name in AdapterValues._fields
        )
        return AdapterValues(*(graph.node("Squeeze", value, graph.numbers(0)) for value in own))

    def _embed(self, pixels: str) -> str:
        """Patches, position embeddings and class token, as `FrozenViT.embed`."""
        graph, vit = self.graph, self.vit
        embed, prefix = vit.patch_embed, vit.num_prefix_tokens
        if type(embed) is not PatchEmbed:
            raise unsupported("patch_embed", type(embed).__name__)
        kernel = [graph.constant("patch_embed.weight", embed.proj.weight)]
        if embed.proj.bias is not None:
            kernel.append(graph.constant("patch_embed.bias", embed.proj.bias))
        patches = graph.node(
            "Conv",
            pixels,
            *kernel,
            kernel_shape=list(embed.proj.kernel_size),
            strides=list(embed.proj.stride),
        )
        flat = graph.transpose(graph.reshape(patches, 0, 0, -1), 0, 2, 1)
        flat = norm(graph, flat, "patch_embed.norm", embed.norm)
        # Position embeddings are added and tokens prepended: what becomes of zeros is all of it.
        added = self._added()
        tokens = graph.node("Add", flat, graph.constant("positions", added[:, prefix:]))
        if prefix:
            own = graph.constant("prefix_tokens", added[:, :prefix])
            sizes = graph.node("Concat", self.batch, graph.numbers(1, 1), axis=0)
            tokens = graph.node("Concat", graph.node("Expand", own, sizes), tokens, axis=1)
        return norm(graph, tokens, "norm_pre", getattr(vit, "norm_pre", nn.Identity()))

    @torch.no_grad()
    def _added(self) -> Tensor:
        """Tokens of an image whose patches are zero, before the first norm."""
        vit, zeros = self.vit, self._zeros()
        if hasattr(vit, "_pos_embed"):
            made = vit._pos_embed(zeros)
            added: Tensor = made[0] if isinstance(made, tuple) else made  # timm's Eva: rotary too
            return added
        added = torch.cat([vit.cls_token, zeros], dim=1)
        return added if vit.pos_embed is None else added + vit.pos_embed

    def _zeros(self) -> Tensor:
        embed, width = self.vit.patch_embed, self.model.backbone.width
        zeros: Tensor = embed.proj.weight.new_zeros(1, embed.num_patches, width)
        grid: Tensor = zeros.view(1, *embed.grid_size, width)
        return grid if getattr(self.vit, "dynamic_img_size", False) else zeros

    def _finish(self, tokens: str, prompts: list[KeyValue]) -> str:
        """The last blocks, the final norm and what is read of the tokens: (B, F)."""
        blocks, feature = self.blocks[-len(prompts) :], self.model.backbone.feature
        for block, extra in zip(blocks[:-1], prompts[:-1], strict=True):
            tokens = block.run(tokens, extra)
        if feature is not Feature.CLASS_TOKEN:
            tokens = blocks[-1].run(tokens, prompts[-1])
            return pooled_feature(self.graph, self.vit, feature, tokens)
        last = self.blocks[-1].run_class_token(tokens, prompts[-1], self.count)
        flat = self.graph.reshape(last, 0, self.model.backbone.width)
        normed = norm(self.graph, flat, "norm", self.vit.norm)
        return norm(self.graph, normed, "fc_norm", self.vit.fc_norm)

    def _top(self, similarity: str) -> str:
        top = self.graph.numbers(self.model.shape.top_k)
        return self.graph.node("TopK", similarity, top, outputs=2)

    def _joined(self, shared: list[KeyValue], group: str, matched: str) -> list[KeyValue]:
        """Shared prompts and the mean of the matched group prompts, per block of the suffix."""
        graph, split, top = self.graph, self.model.split, self.model.shape.top_k
        chosen = graph.node("Gather", group, matched, axis=0)  # (B, T, L-K, P, D)
        total = graph.node("ReduceSum", chosen, graph.numbers(1), keepdims=0)
        means = graph.node("Mul", total, graph.number(1 / top))
        joined = []
        for offset, block in enumerate(self.blocks[split:]):
            own = graph.part(means, 1, offset, offset + 1)
            prompts = graph.node("Squeeze", own, graph.numbers(1))
            key, value = block.keys_values(prompts)
            before = shared[split + offset]
            joined.append(
                KeyValue(
                    graph.node("Concat", before.key, key, axis=2),
                    graph.node("Concat", before.value, value, axis=2),
                )
            )
        return joined
