# A guest that is planned only if its devices can be passed through. Write node1.json on the node before:
#   ssh root@node1 pve-ptconf facts >node1.json
terraform {
  required_providers {
    external = { source = "hashicorp/external" }
    proxmox  = { source = "bpg/proxmox" }
  }
}

locals {
  # what the guest gets; an API token may set mappings alone, not addresses
  gpu = { mapping = "gpu", pcie = true }
}

data "external" "passthrough" {
  program = ["${path.module}/passthrough-check"]
  query = {
    facts = "${path.module}/node1.json"
    config = jsonencode({
      machine  = "q35"
      bios     = "ovmf"
      memory   = "8192"
      hostpci0 = "mapping=${local.gpu.mapping},pcie=${local.gpu.pcie ? 1 : 0}"
    })
  }
}

resource "proxmox_virtual_environment_vm" "workstation" {
  name      = "workstation"
  node_name = "node1"
  machine   = "q35"
  bios      = "ovmf"
  memory { dedicated = 8192 }
  hostpci {
    device  = "hostpci0"
    mapping = local.gpu.mapping
    pcie    = local.gpu.pcie
  }
  lifecycle {
    precondition {
      condition     = data.external.passthrough.result.well == "true"
      error_message = data.external.passthrough.result.text
    }
  }
}
