"""Small model files for the tests of the readers, written by the packages that
write them elsewhere (gguf, safetensors), and beside each what these packages'
own readers find in it: one line a tensor, `name type elements bytes offset dims`.

They go to tests/unit/data/models; write(path) puts a list of them at `path`.
"""
import json
import pathlib

import gguf
import numpy
import safetensors.torch
import torch
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

MODELS = pathlib.Path(__file__).parent.parent / "unit" / "data" / "models"
LAYERS, HIDDEN, HEADS, KV_HEADS, FEED_FORWARD, VOCABULARY = 2, 64, 4, 2, 128, 96


def llama_tensors(layers=LAYERS):
    yield "token_embd.weight", (VOCABULARY, HIDDEN)
    for i in range(layers):
        kv = HIDDEN // HEADS * KV_HEADS
        yield f"blk.{i}.attn_norm.weight", (HIDDEN,)
        yield f"blk.{i}.attn_q.weight", (HIDDEN, HIDDEN)
        yield f"blk.{i}.attn_k.weight", (kv, HIDDEN)
        yield f"blk.{i}.attn_v.weight", (kv, HIDDEN)
        yield f"blk.{i}.attn_output.weight", (HIDDEN, HIDDEN)
        yield f"blk.{i}.ffn_norm.weight", (HIDDEN,)
        yield f"blk.{i}.ffn_gate.weight", (FEED_FORWARD, HIDDEN)
        yield f"blk.{i}.ffn_up.weight", (FEED_FORWARD, HIDDEN)
        yield f"blk.{i}.ffn_down.weight", (HIDDEN, FEED_FORWARD)
    yield "output_norm.weight", (HIDDEN,)
    yield "output.weight", (VOCABULARY, HIDDEN)


def add_settings(writer):
    writer.add_name("tiny llama")
    writer.add_block_count(LAYERS)
    writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_context_length(512)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_file_type(2)
    writer.add_token_list([f"t{i}" for i in range(VOCABULARY)])
    writer.add_token_scores([0.5] * VOCABULARY)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def write_gguf_list(paths, out):
    lines = []
    for part, path in enumerate(paths):
        for tensor in gguf.GGUFReader(path).tensors:
            dims = " ".join(str(int(n)) for n in reversed(tensor.shape))
            lines.append(f"{tensor.name} {tensor.tensor_type.name} {int(tensor.n_elements)} {int(tensor.n_bytes)} "
                         f"{int(tensor.data_offset)} {part} {dims}\n")
    out.write_text("".join(lines))


def gguf_llama(path, **options):
    writer = gguf.GGUFWriter(path, "llama", **options)
    add_settings(writer)
    for name, shape in llama_tensors():
        ones = numpy.ones(shape, dtype=numpy.float32)
        if len(shape) == 1:
            writer.add_tensor(name, ones)
        else:
            kind = GGMLQuantizationType.Q8_0 if name == "output.weight" else GGMLQuantizationType.Q4_0
            writer.add_tensor(name, gguf.quants.quantize(ones, kind), raw_dtype=kind)
    finish(writer)


def gguf_types(path):
    """One tensor of every type, three rows of two blocks."""
    writer = gguf.GGUFWriter(path, "types")
    writer.add_custom_alignment(64)
    writer.add_array("types.nested", [[1, 2], [3]])
    for kind, (block, size) in GGML_QUANT_SIZES.items():
        if kind != GGMLQuantizationType.Q8_1:  # the package's size of it isn't ggml's
            writer.add_tensor(kind.name, numpy.zeros((3, 2 * size), dtype=numpy.uint8), raw_shape=(3, 2 * size),
                              raw_dtype=kind)
    finish(writer)


def write_safetensors_list(paths, out):
    """Places are read from the header, the rest through the package."""
    lines = []
    for part, path in enumerate(paths):
        raw = path.read_bytes()
        length = int.from_bytes(raw[:8], "little")
        header = json.loads(raw[8 : 8 + length])
        tensors = safetensors.torch.load_file(path)
        for name in header:
            if name == "__metadata__":
                continue
            tensor = tensors[name]
            dims = " ".join(str(n) for n in tensor.shape)
            lines.append(f"{name} {header[name]['dtype']} {tensor.numel()} {tensor.numel() * tensor.element_size()} "
                         f"{8 + length + header[name]['data_offsets'][0]} {part} {dims}".rstrip() + "\n")
    out.write_text("".join(lines))


def write_safetensors():
    tensors = {"scalar": torch.ones(()), "empty": torch.ones(0, 3), "model.norm.weight": torch.ones(8),
               "model.embed_tokens.weight": torch.ones(12, 8, dtype=torch.bfloat16),
               "model.layers.0.up.weight": torch.ones(16, 8, dtype=torch.float16),
               "conv.weight": torch.ones(2, 3, 1, 4, 1), "conv.running_mean": torch.ones(2),
               "conv.num_batches_tracked": torch.ones((), dtype=torch.int64),
               "packed": torch.ones(3, 5, dtype=torch.uint8), "half": torch.ones(4, 4).to(torch.float8_e4m3fn)}
    safetensors.torch.save_file(tensors, MODELS / "mixed.safetensors", metadata={"format": "pt"})
    write_safetensors_list([MODELS / "mixed.safetensors"], MODELS / "mixed.safetensors.txt")
    shards = [MODELS / f"shard-0000{i + 1}-of-00002.safetensors" for i in range(2)]
    names = list(tensors)
    weight_map = {}
    for i, shard in enumerate(shards):
        part = {name: tensors[name] for name in names[i::2]}
        safetensors.torch.save_file(part, shard)
        weight_map.update({name: shard.name for name in part})
    (MODELS / "shard.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": weight_map}, indent=1))
    write_safetensors_list(shards, MODELS / "shard.safetensors.txt")


def write(path):
    MODELS.mkdir(parents=True, exist_ok=True)
    llama = MODELS / "llama.gguf"
    gguf_llama(llama)
    write_gguf_list([llama], MODELS / "llama.gguf.txt")
    types = MODELS / "types.gguf"
    gguf_types(types)
    write_gguf_list([types], MODELS / "types.gguf.txt")
    for old in MODELS.glob("split-*.gguf"):
        old.unlink()
    gguf_llama(MODELS / "split.gguf", split_max_tensors=8)
    write_gguf_list(sorted(MODELS.glob("split-*.gguf")), MODELS / "split.gguf.txt")
    write_safetensors()
    path.write_text("".join(f"{file.name} {file.stat().st_size}\n" for file in sorted(MODELS.iterdir())))
