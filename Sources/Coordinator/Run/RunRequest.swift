import AnnData
import DifferentialExpression
import NodeTopology
import Reporting

/// Everything the command line asks of a run, checked and with defaults filled in.
struct RunRequest: Sendable {
    /// Path of the input.
    var input: String
    /// Which matrix of the input.
    var matrix: MatrixChoice
    /// Column of `var` with gene names; nil for the index.
    var geneNameColumn: String?
    /// Control label; nil to infer it.
    var controlLabel: String?
    /// Perturbations to test; nil for all.
    var perturbations: [String]?
    /// File with one size factor a line; nil to estimate.
    var sizeFactorFile: String?
    /// Column of `obs` with size factors; nil to estimate.
    var sizeFactorColumn: String?
    /// Options that decide the numbers; the control label is filled in once it is known.
    var options: AnalysisOptions

    /// The result whose rows are shrunk, for that method.
    var earlier: EarlierRows?
    /// Whether `uns/rank_genes_groups` is written too.
    var scanpyFormat: Bool
    /// Whether time and memory of every stage are recorded.
    var profiling: Bool

    /// Path of the result.
    var output: String
    /// Path of the run directory.
    var runDirectory: String
    /// Replace an existing result, or forget an interrupted run.
    var force: Bool
    /// Finish an interrupted run.
    var resume: Bool

    /// Worker processes on this machine; nil for one per NUMA node.
    var localWorkers: Int?
    /// Threads of each worker process and of the reading stage; nil for what the CPUs allow.
    var threads: Int?
    /// Where to listen for workers that others start.
    var listen: ListenAddress?
    /// Machines whose workers this process starts over ssh.
    var hosts: [HostEntry] = []
    /// Whether workers that others start may come, because an address was given for them.
    var expectsOthers = false
    /// NUMA nodes of this machine to use.
    var numa: NodeSelection = .auto
    /// How log lines look.
    var logFormat: LogFormat = .text
    /// Where the run is shown while it goes on; nil for nowhere.
    var status: StatusAddress?
    /// The words of the command line, to say how the run is resumed.
    var commandLine: [String] = []
    /// How those workers prove themselves.
    var security = WorkerSecurity.token(file: nil)
    /// How long a fit may take at least before its process is ended.
    var fitTimeout = Duration.seconds(1800)
    /// Memory of all processes on this machine together, bytes.
    var memoryBytes: Int
    /// Where count blocks go that do not fit.
    var scratchDirectory: String

    /// How workers get count blocks and what else their fits need.
    var dataPlane: DataPlane = .link

    /// The unpublished result, beside the published one.
    var partialResult: String { Self.partialResult(of: output) }

    /// The unpublished result of an output, beside it.
    static func partialResult(of output: String) -> String {
        let name = output.split(separator: "/").last.map(String.init) ?? output
        return output.dropLast(name.count) + ".\(name).unfinished"
    }

    /// The unpublished result until it is complete.
    var newPartialResult: String { partialResult + ".new" }

    /// How the memory is shared out; reading and fitting do not overlap.
    var memory: MemoryPlan { MemoryPlan(total: memoryBytes) }
}

/// How workers get count blocks and what else their fits need.
enum DataPlane: String, Sendable, CaseIterable {
    /// They ask for it over their connection.
    case link
    /// They read it from the run directory, where they see it.
    case shared
}

/// Shares of the memory budget.
package struct MemoryPlan: Equatable, Sendable {
    /// The smallest budget that can be kept, bytes.
    package static let smallestTotal = 128 << 20
    /// What the programs take before they hold any data, measured with one worker process.
    private static let programs = 80 << 20

    /// The whole budget, bytes.
    package let total: Int

    /// Shares out a budget in bytes.
    package init(total: Int) { self.total = total }

    /// What is left for data.
    private var data: Int { max(total - Self.programs, total / 4) }
    /// Count blocks held in memory, bytes; beyond it they are spilled.
    package var blocks: Int { data / 2 }
    /// Slabs in flight while reading, bytes.
    package var reading: Int { data / 8 }
    /// Control counts of one tile of genes, bytes.
    package var controlTile: Int { data / 8 }
    /// Tiles of the control cells held for workers, bytes; beyond it they are spilled.
    package var servedTiles: Int { data / 8 }
    /// All local worker processes together, bytes.
    package var workers: Int { data / 4 }
    /// Rows on the way from workers, and as much again of resources on the way to them, bytes.
    package var inFlight: Int { data / 16 }
}
