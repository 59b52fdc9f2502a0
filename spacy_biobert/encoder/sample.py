"""A little text of many kinds, on which int8 finds out how large activations become.

Abstracts, notes, numbers, names of genes and ordinary sentences: what matters is that none of the usual kinds of token
is missing, not what they say. It need not be of the language or field that an encoder was made for; values that text of
another kind drives beyond what was seen here count as the largest that was.
"""

SAMPLE = (
    "Wilson disease is an autosomal recessive disorder of copper transport , caused by mutations in the ATP7B gene ; "
    "patients present with hepatitis , cirrhosis , tremor or Kayser-Fleischer rings .",
    "We studied 42 patients ( 27 women , mean age 61.3 ± 9.4 years ) who received cisplatin 75 mg/m2 plus "
    "5-fluorouracil ; nephrotoxicity developed in 12 ( 28.6 % , P < 0.05 ) .",
    "HISTORY : 67 y/o M w/ h/o HTN , DM2 , CHF ( EF 35 % ) , s/p CABG x3 in 2009 , presents with SOB and chest pain . "
    "BP 162/94 , HR 104 , SpO2 91 % on RA . Meds : metoprolol 25 mg PO BID , lisinopril , ASA 81 .",
    "Western blots showed that IL-6 and TNF-alpha activated NF-kappaB and STAT3 in HepG2 cells , whereas p53 , BRCA1 "
    "and c-Myc were down-regulated by siRNA ( Fig. 3A ) .",
    "Escherichia coli K-12 , Saccharomyces cerevisiae and Mus musculus homologues share 71 % identity of residues .",
    'What causes it ? Nobody knows . See http://www.example.org/ and " Methods " , below [ 12 , 14-16 ] .',
    "Aspirin",
    "Table 2 . Group n Age Sex HbA1c 1 20 54 M 7.1 2 19 57 F 6.8 3 21 49 M 8.0",
    "She went home on the third day , and her mother said that everything had been fine since then .",
)
"""Texts whose words and marks are parted by blanks."""
