"""Export: llama.cpp computes what the recipe's network computes (needs PyTorch, which only the recipe uses)."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch, which only the recipe uses")
llama_cpp = pytest.importorskip("llama_cpp", reason="needs llama-cpp-python, which is not installed")


def test_logits_agree_with_llama_cpp(tmp_path):
    """A random network and its GGUF file give the same scores, up to the rounding of Q8_0."""
    from router.builtin.recipe import export, vocabulary
    from router.builtin.recipe.model import Decoder, Shape

    torch.manual_seed(1)
    words = vocabulary.learn(["a small cat", "two small dogs"] * 9, 384)
    network = Decoder(Shape(vocabulary=len(words), width=64, layers=2, heads=2, inner=96, context=64))
    export.write(network, words, tmp_path / "random.gguf")
    ids = words.encode("a small cat and two dogs")
    with torch.no_grad():
        expected = network.logits(network(torch.tensor([ids])))[0].numpy()
    model = llama_cpp.Llama(str(tmp_path / "random.gguf"), n_ctx=64, n_threads=1, logits_all=True, verbose=False)
    model.eval(ids)
    actual = np.array(model.scores[: len(ids)])
    model.close()
    assert np.sqrt(np.mean((expected - actual) ** 2)) < 0.05 * expected.std()
