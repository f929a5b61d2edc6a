"""The OpenAPI document: what each path takes and answers, built when it is first asked for and never before."""
