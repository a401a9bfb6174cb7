"""Random histories: people, broken networks, jumping clocks and dying processes around one mapping, checked by laws."""
