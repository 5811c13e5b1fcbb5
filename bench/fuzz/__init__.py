"""Whatever is read from outside, against arbitrary input: `make fuzz`. The suite runs the same targets for seconds."""
