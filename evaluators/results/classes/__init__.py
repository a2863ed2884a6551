"""What became of a classifier's answers: samples that it now calls otherwise, by class and by how sure it is."""
