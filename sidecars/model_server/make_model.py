"""Makes a small chat model with random weights, in seconds and without a download, for `transformers serve`.

    python make_model.py DIRECTORY

It streams like a model of any size, but its English-looking words mean nothing, and it continues until `max_tokens`,
because the end of the reply is suppressed. It is for testing the server and its client, not what is said. It has 2.6
million parameters (Qwen2: 4 layers × 256), a byte-level BPE of 512 tokens learned from the sentences below, and a
ChatML template.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

VOCABULARY = 512
BEGIN, END, PAD = "<|im_start|>", "<|im_end|>", "<|endoftext|>"
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + (message['content'] or '')"
    " + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
SPEAKABLE = re.compile(r"[A-Za-z ,.?']+")
"""The characters that a token may consist of: a voice must be able to say it, and it must not look like markup or a
tool call."""
SENTENCES = """
Good morning, this is the practice, how can I help you today?
I can book an appointment for you on Monday, Tuesday, Wednesday, Thursday or Friday.
We are open every day from eight in the morning until six in the evening.
The first appointment is free, and the second one is half an hour later.
Would you like to come in the morning or in the afternoon?
You can park behind the house, and the bus stops in front of it.
Please bring your insurance card and the letter from your doctor with you.
I have written it down, and somebody will call you back before noon.
I am sorry, the dentist is on holiday this week, but her colleague is here.
Your parcel has left the depot and will arrive between two and four o'clock.
What is the number on the slip, please? Take your time, I will wait.
That is fine. I have cancelled it for you. Is there anything else that I can do?
The treatment takes about forty minutes, and you should not eat for two hours after it.
Thank you very much for calling. Have a pleasant weekend. Goodbye.
"""


def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level tokenizer, which can encode anything; its learned tokens are words."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PAD, BEGIN, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(SENTENCES.strip().splitlines(), trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=PAD)
    made.chat_template = TEMPLATE
    return made


def model(words: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """A model with random weights, which are always the same."""
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=len(words),
        hidden_size=256,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=8192,
        tie_word_embeddings=False,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    made = Qwen2ForCausalLM(config)
    mute = [number for number in range(len(words)) if not SPEAKABLE.fullmatch(words.decode([number]))]
    made.generation_config = GenerationConfig(
        do_sample=True,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
        suppress_tokens=sorted({*mute, *words.all_special_ids}),
    )
    return made


def main(directory: Path) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    words = tokenizer()
    words.save_pretrained(directory)
    model(words).save_pretrained(directory)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python make_model.py DIRECTORY")
    main(Path(sys.argv[1]))
