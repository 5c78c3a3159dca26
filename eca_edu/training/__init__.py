"""How does a network learn, and go on after a stop? The loop, its optimizers, precision, several processes, what is kept."""
