;;; smol-mode.el --- Specs of smolc  -*- lexical-binding: t; -*-

;; Needs Emacs 27.1.  With eglot (part of Emacs 29), `M-x eglot' or (add-hook 'smol-mode-hook #'eglot-ensure)
;; starts `smolc lsp', which must be on `exec-path'.

;;; Code:

(defconst smol-mode-keywords
  '("smol" "use" "param" "let" "fn" "tokenizer" "dataset" "classifier" "mix" "model" "schedule" "eval" "suite" "run"
    "sweep" "target" "stage" "drop" "as" "from" "at" "with" "over" "in" "for" "until" "if" "then" "else" "and" "or"
    "not" "every" "keep" "rest" "true" "false" "none")
  "Words of the language.")

(defconst smol-mode-font-lock
  `((,(regexp-opt smol-mode-keywords 'symbols) . font-lock-keyword-face)
    ("\\_<[0-9][0-9_]*\\(?:\\.[0-9]+\\)?\\(?:[eE][-+]?[0-9]+\\)?\\(?:[kMBT]\\|[KMGT]i\\)?%?" . font-lock-constant-face)
    ("\\_<\\([a-z_][A-Za-z0-9_]*\\)\\s-*:" 1 font-lock-variable-name-face)
    ("\\_<[A-Z][A-Za-z0-9_]*" . font-lock-type-face))
  "What `smol-mode' colors.")

(defvar smol-mode-syntax-table
  (let ((table (make-syntax-table)))
    (modify-syntax-entry ?/ ". 12" table)
    (modify-syntax-entry ?\n ">" table)
    (modify-syntax-entry ?_ "_" table)
    (modify-syntax-entry ?\" "\"" table)
    table)
  "Syntax of specs.")

;;;###autoload
(define-derived-mode smol-mode prog-mode "smol"
  "Major mode for specs of smolc."
  (setq-local comment-start "// ")
  (setq-local comment-start-skip "//+!?\\s-*")
  (setq-local tab-width 2)
  (setq-local indent-tabs-mode nil)
  (setq-local font-lock-defaults '(smol-mode-font-lock)))

;;;###autoload
(add-to-list 'auto-mode-alist '("\\.smol\\'" . smol-mode))

(defvar eglot-server-programs)
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '(smol-mode . ("smolc" "lsp"))))

(provide 'smol-mode)
;;; smol-mode.el ends here
