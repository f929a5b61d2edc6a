"""Export to GGUF: matrices as Q8_0, norms as F32, the vocabulary as SentencePiece with byte tokens."""

from pathlib import Path

import gguf
import numpy as np

from router.builtin.recipe.model import Decoder
from router.builtin.recipe.vocabulary import END, SPECIAL, Vocabulary

TEMPLATE = """
{%- for message in messages -%}
  {%- set role = message['role'] -%}
  {%- if role == 'developer' -%}{%- set role = 'system' -%}{%- endif -%}
  {%- if role not in ['system', 'assistant'] -%}{%- set role = 'user' -%}{%- endif -%}
  {{- '<|' + role + '|>' -}}
  {%- if message['content'] is string -%}
    {{- message['content'] | trim -}}
  {%- else -%}
    {%- for part in message['content'] or [] if part['type'] == 'text' -%}{{- part['text'] | trim -}}{%- endfor -%}
  {%- endif -%}
  {{- '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}
""".strip()


def write(model: Decoder, vocabulary: Vocabulary, path: Path) -> None:
    """Write the model as a GGUF file that llama.cpp runs as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, model)
    _add_vocabulary(writer, vocabulary)
    for name, weight in model.state_dict().items():
        values = weight.detach().numpy().astype(np.float32)
        if values.ndim == 1:
            writer.add_tensor(name, values)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _describe(writer: gguf.GGUFWriter, model: Decoder) -> None:
    shape = model.shape
    writer.add_name("Shunt small")
    writer.add_description("Built-in specialist of Shunt: sentiment, intent, extraction, yes/no, small sums, greetings")
    writer.add_license("Apache-2.0")
    writer.add_sampling_temp(0.0)  # a specialist is asked for the answer, not for variety
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.inner)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)


def _add_vocabulary(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    kinds = gguf.TokenType
    names = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *vocabulary.pieces]
    types = [kinds.UNKNOWN, *[kinds.CONTROL] * (len(SPECIAL) - 1), *[kinds.BYTE] * 256]
    types += [kinds.NORMAL] * len(vocabulary.pieces)
    # llama.cpp joins the pair with the highest score, so a lower rank is a higher score.
    scores = [0.0] * (len(SPECIAL) + 256) + [-float(rank) for rank in range(len(vocabulary.pieces))]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(names)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(END)
    writer.add_eot_token_id(END)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)
    writer.add_chat_template(TEMPLATE)
