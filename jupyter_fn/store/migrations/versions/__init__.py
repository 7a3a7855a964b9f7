"""One module per revision, named rNNNN_noun."""
