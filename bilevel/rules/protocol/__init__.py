"""The protocol of learning rules: points, fields, and the symbolic and linear readings."""
