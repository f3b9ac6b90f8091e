-- Neovim's own client against `smolc lsp`: diagnostics, hover, definition, rename, formatting, a fix.
-- Run by tests/editors/neovim; the working directory holds broken.smol.

local failures = 0
local function check(what, ok, detail)
  io.stdout:write((ok and "ok      " or "FAILED  ") .. what .. "\n")
  if not ok then
    failures = failures + 1
    io.stdout:write(tostring(detail) .. "\n")
  end
end

vim.cmd("luafile " .. os.getenv("SMOL_LUA"))
vim.cmd("edit broken.smol")
local buffer = vim.api.nvim_get_current_buf()
check("the file type is known", vim.bo.filetype == "smol", vim.bo.filetype)

local function wait_for(test)
  return vim.wait(20000, test, 20)
end
local function diagnostics() return vim.diagnostic.get(buffer) end
local function text() return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n" end

check("diagnostics come", wait_for(function() return #diagnostics() > 0 end), "none after 20 s")
local first = vim.tbl_filter(function(d) return d.code == "smol::record::unknown" end, diagnostics())[1]
check("the diagnostic names the field", first and first.message:find("has no field `Tokenizer`"), vim.inspect(first))

local client = vim.lsp.buf_get_clients(buffer)[next(vim.lsp.buf_get_clients(buffer))]
local function at(pattern)
  for number, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    local column = line:find(pattern, 1, true)
    if column then
      vim.api.nvim_win_set_cursor(0, { number, column - 1 })
      return vim.lsp.util.make_position_params(0, client.offset_encoding)
    end
  end
  error("no " .. pattern)
end
local function ask(method, params)
  local answers, err = vim.lsp.buf_request_sync(buffer, method, params, 20000)
  local answer = answers and answers[client.id]
  if not answer or answer.err then
    return nil, err or vim.inspect(answer)
  end
  return answer.result
end

local hover, why = ask("textDocument/hover", at("wsd(peak"))
check("hover shows the signature", hover and hover.contents.value:find("fn wsd(peak: Rate", 1, true), why)

local place
place, why = ask("textDocument/definition", at("wsd(peak"))
check("a name leads into the library", place and place.uri:find("schedules.smol", 1, true), why or vim.inspect(place))

-- The fix: the code action at the diagnostic.
local params = at("Tokenizer:")
params.range = { start = params.position, ["end"] = params.position }
params.context = { diagnostics = {} }
local actions
actions, why = ask("textDocument/codeAction", params)
local fixed = false
for _, action in ipairs(actions or {}) do
  if action.kind == "quickfix" then
    vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
    fixed = true
    break
  end
end
check("the fix is applied", fixed and text():find("  tokenizer: words", 1, true), why or vim.inspect(actions))
local function errors()
  return vim.tbl_filter(function(d) return d.severity == vim.diagnostic.severity.ERROR end, diagnostics())
end
check("no error is left", wait_for(function() return #errors() == 0 end), vim.inspect(diagnostics()))

params = at("small = Llama")
params.newName = "tiny"
local edit
edit, why = ask("textDocument/rename", params)
if edit then
  vim.lsp.util.apply_workspace_edit(edit, client.offset_encoding)
end
check(
  "rename changes every mention",
  edit and text():find("model tiny", 1, true) and text():find("model: tiny", 1, true) and not text():find("small"),
  why or text()
)

vim.lsp.buf.formatting_sync({ tabSize = 2, insertSpaces = true }, 20000)
check("formatting lays the text out", text():find("let spaced = 1 + 2\n", 1, true), text())

vim.cmd("write")
vim.lsp.stop_client(client.id)
vim.cmd(failures == 0 and "qall!" or "cquit 1")
