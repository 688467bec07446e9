"""What must hold against those who mean harm: two patients, hostile input, and personal data that is looked for."""
