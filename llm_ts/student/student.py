"""The one way to ask any student: a run's folder, an adapter's, a model's, a hub name, a .gguf file, or a model in memory."""

import time

from llm_ts.student import answer, device, load


class Student:
    """A student, ready to be asked. On the GPU where there is one; UserError in one line where it cannot be loaded.

    name: as above. batch_size: prompts answered together, at most (a .gguf has a limit of its own). adapters: .gguf adapters
    that are added up on a .gguf. see: what it is shown, a word of formats.SEE.
    """

    def __init__(self, name, batch_size=32, adapters=(), see="numbers"):
        if name.endswith(".gguf"):
            from llm_ts.gguf import gguf_file

            self._llama = gguf_file.Llama(name, adapters, see)
            return
        import torch

        model, processor = load.load(load.weights_of(name), device.dtype(), see=see)
        self._take(model.to("cuda" if torch.cuda.is_available() else "cpu"), processor, batch_size)

    @classmethod
    def around(cls, model, processor, batch_size=32):
        """A Student of a model in memory, which stays where it is, and its tokenizer, or a vision model's processor."""
        student = cls.__new__(cls)
        student._take(model, processor, batch_size)
        return student

    def _take(self, model, processor, batch_size):
        self._llama, self._model, self._processor, self._batch_size = None, model, processor, batch_size
        self._drafts = answer.Drafts()

    def ask(self, prompts, max_new_tokens=answer.MAX_NEW_TOKENS, progress=None):
        """Prompts, texts or question.Shown -> the greedy answers, as texts, in their order.

        progress: called with the number done after each batch; of a .gguf file never.
        """
        if self._llama:
            return self._llama.ask(prompts, max_new_tokens)
        more = (self._batch_size, max_new_tokens, progress, self._drafts)
        return answer.generate(self._model, self._processor, prompts, *more)

    def seconds(self):
        """The CPU seconds so far: of the process that answers, where that is this one, all of it."""
        return self._llama.seconds() if self._llama else time.process_time()
