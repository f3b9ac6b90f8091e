-- smolc in Neovim (0.7 or newer). Put this file into ~/.config/nvim/plugin/, or source it from init.lua.
-- `smolc` must be on the PATH; vim.g.smolc names another program.

vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
  pattern = "*.smol",
  callback = function() vim.bo.filetype = "smol" end,
})

local function show(title, text)
  vim.cmd("botright new")
  vim.api.nvim_buf_set_name(0, title)
  vim.api.nvim_buf_set_lines(0, 0, -1, false, vim.split(text, "\n"))
  vim.bo.buftype, vim.bo.bufhidden, vim.bo.modifiable = "nofile", "wipe", false
end

-- What the lenses above a run do.
vim.lsp.commands = vim.lsp.commands or {}
vim.lsp.commands["smolc.plan"] = function(command, context)
  local client = vim.lsp.get_client_by_id(context.client_id)
  client.request("smolc/plan", { textDocument = { uri = command.arguments[1] } }, function(err, result)
    if err then
      vim.notify(err.message, vim.log.levels.ERROR)
    else
      show("plan", result.text)
    end
  end)
end
vim.lsp.commands["smolc.run"] = function(command)
  local file = vim.uri_to_fname(command.arguments[1])
  vim.cmd("botright new")
  vim.fn.termopen({ vim.g.smolc or "smolc", "run", file, "--run", command.arguments[2] })
end

-- A kind of token that is ours alone: `true`, `false` and `none`. Neovim colors tokens since 0.9.
if vim.fn.has("nvim-0.9") == 1 then
  vim.api.nvim_set_hl(0, "@lsp.type.constant.smol", { link = "Constant", default = true })
end

local clients = {}

local function start(buffer)
  local root = vim.fn.fnamemodify(vim.api.nvim_buf_get_name(buffer), ":p:h")
  if not clients[root] then
    clients[root] = vim.lsp.start_client({
      name = "smolc",
      cmd = { vim.g.smolc or "smolc", "lsp" },
      root_dir = root,
      workspace_folders = { { uri = vim.uri_from_fname(root), name = root } },
      on_exit = function() clients[root] = nil end,
    })
  end
  if clients[root] then
    vim.lsp.buf_attach_client(buffer, clients[root])
  end
end

vim.api.nvim_create_autocmd("FileType", {
  pattern = "smol",
  callback = function(event)
    vim.bo[event.buf].commentstring = "// %s"
    vim.bo[event.buf].shiftwidth = 2
    vim.bo[event.buf].expandtab = true
    start(event.buf)
  end,
})
