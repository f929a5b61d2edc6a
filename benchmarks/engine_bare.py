"""`python -m benchmarks.engine_bare MODEL WIDTH TOKENS_IN TOKENS_OUT`: a bare loop over llama_decode, the limit."""

import ctypes
import json
import sys
import time

import llama_cpp as llama

STEP = 512


def main(arguments: list[str]) -> None:
    """Print the tokens/s of WIDTH sequences, prompts included, loading excluded."""
    width, tokens_in, tokens_out = (int(argument) for argument in arguments[1:])
    llama.llama_backend_init()
    model = llama.llama_model_load_from_file(arguments[0].encode(), llama.llama_model_default_params())
    settings = llama.llama_context_default_params()
    settings.n_ctx, settings.n_batch, settings.n_seq_max = width * 256, STEP, width
    settings.n_threads = settings.n_threads_batch = 1
    settings.kv_unified = False
    context = llama.llama_init_from_model(model, settings)
    vocabulary = llama.llama_vocab_n_tokens(llama.llama_model_get_vocab(model))
    _decode(context, [(7, 0, 0, True)])
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    started = time.perf_counter()
    _run(context, width, tokens_in, tokens_out)
    seconds = time.perf_counter() - started
    print(json.dumps({"tokens_per_s": width * tokens_out / seconds, "vocabulary": vocabulary}))


def _run(context: ctypes.c_void_p, width: int, tokens_in: int, tokens_out: int) -> None:
    prompt = [
        ((7 * at + 13 * row) % 256, at, row, at == tokens_in - 1) for row in range(width) for at in range(tokens_in)
    ]
    for start in range(0, len(prompt), STEP):
        _decode(context, prompt[start : start + STEP])
    for at in range(tokens_in, tokens_in + tokens_out - 1):  # the prompt's own pass gives the first token
        _decode(context, [((11 * at + row) % 256, at, row, True) for row in range(width)])


def _decode(context: ctypes.c_void_p, rows: list[tuple[int, int, int, bool]]) -> None:
    batch = llama.llama_batch_init(len(rows), 0, 1)
    batch.n_tokens = len(rows)
    for number, (token, position, sequence, wanted) in enumerate(rows):
        batch.token[number], batch.pos[number], batch.logits[number] = token, position, wanted
        batch.n_seq_id[number], batch.seq_id[number][0] = 1, sequence
    status = llama.llama_decode(context, batch)
    llama.llama_synchronize(context)
    llama.llama_batch_free(batch)
    if status:
        raise RuntimeError(f"llama_decode returned {status}")


if __name__ == "__main__":
    main(sys.argv[1:])
