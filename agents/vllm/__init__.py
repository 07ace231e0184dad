"""An engine of one or more stock vLLM servers."""
