// Types of what scripts of Sojourn see. Generated (`make docs`; `sojourn scripts types` writes it into a project).
