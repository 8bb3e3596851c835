"""One way to ask any student: a run's folder, an adapter's, a model's, a hub name or a .gguf file."""

import time

from llm_ts.student import answer, device, gguf_file, load


class Student:
    """A student, ready to be asked. On the GPU where there is one; UserError in one line where it cannot be loaded.

    name: as above. batch_size: prompts answered together, at most (a .gguf has a limit of its own). adapters: .gguf adapters
    that are added up on a .gguf. see: what it is shown, a word of formats.SEE.
    """

    def __init__(self, name, batch_size=32, adapters=(), see="numbers"):
        self.name, self.batch_size = name, batch_size
        self._llama = gguf_file.Llama(name, adapters, see) if name.endswith(".gguf") else None
        if not self._llama:
            import torch

            self.model, self.tokenizer = load.load(load.weights_of(name), device.dtype(), see=see)
            self.model.to("cuda" if torch.cuda.is_available() else "cpu")
            self._drafts = answer.Drafts()

    def ask(self, prompts, max_new_tokens=answer.MAX_NEW_TOKENS):
        """Prompts, texts or question.Shown -> the greedy answers, as texts, in their order."""
        if self._llama:
            return self._llama.ask(prompts, max_new_tokens)
        return answer.generate(
            self.model, self.tokenizer, prompts, self.batch_size, max_new_tokens, drafts=self._drafts
        )

    def seconds(self):
        """The CPU seconds so far: of the process that answers, where that is this one, all of it."""
        return self._llama.seconds() if self._llama else time.process_time()
