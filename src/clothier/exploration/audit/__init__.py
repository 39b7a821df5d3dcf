"""What is wrong with a data set: pictures that are there twice, labels that may be wrong, pictures unlike their class.

Arrays in, findings out. numpy only.
"""
