"""Container images of agentrl: which there are, how they are built with or without a registry, and which are here."""
