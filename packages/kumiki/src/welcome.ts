/** The text that `kumiki` prints without arguments. */
export const welcome = `Kumiki trains small language models with LLM-jp's recipes, and plans large training runs.

  kumiki train                                  a first model in about two minutes: text, tokenizer, weights, report
  kumiki train --data my-texts                  the same on your own texts (txt, md, jsonl, parquet; .gz, .zst)
  kumiki generate --checkpoint runs/NAME --prompt TEXT
  kumiki plan --model llm-jp-3-13b --gpu H100 --gpus-per-node 8 --nodes 16 --global-batch 1024 --seq 4096
  kumiki model show llm-jp-3-172b               sizes, recipe, layout and corpus of an LLM-jp model
  kumiki doctor                                 reports and tests this machine's hardware and software

  kumiki --help                                 all verbs; kumiki VERB --help shows one
`
