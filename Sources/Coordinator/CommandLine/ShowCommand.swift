import AnnData
package import ArgumentParser
import Foundation

/// The command line `crispyx-coordinator show RESULT.h5ad`.
package struct ShowCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show effects of a result: of one perturbation, of one gene, or the strongest.",
        discussion: """
            Without --perturbation and --gene it shows the strongest effects of each perturbation. \
            Reads only the rows it prints, or the gene's values, so that a result may be larger than \
            the memory. Results of the Python package are read as well.

            The table is for people. --tsv and --json give every digit and, for one perturbation or \
            gene, every layer of the result under its own name (X is called effect_size); numbers \
            that are not finite are null in JSON.

            --sort-by: score ranks by |z|, pvalue by the smallest p-value, lfc by |log fold change|; \
            file keeps the order of the file. Ties keep the order of the file. Pairs that were not \
            tested come last, and only with --top all.

            EXAMPLES
              crispyx-coordinator show result.h5ad --perturbation GATA1 --top 20
              crispyx-coordinator show result.h5ad --perturbation GATA1 --sort-by file --tsv
              crispyx-coordinator show result.h5ad --gene MYC --sort-by pvalue --json
            """
    )

    @Argument(help: ArgumentHelp("The result.", valueName: "result.h5ad"))
    var result: String

    @Option(help: ArgumentHelp("Only this perturbation.", valueName: "label"))
    var perturbation: String?

    @Option(help: ArgumentHelp("Only this gene, in all perturbations.", valueName: "name"))
    var gene: String?

    @Option(
        help: ArgumentHelp(
            "Only the gene at this position in var, counted from 0; for names that occur twice.",
            valueName: "position"
        )
    )
    var genePosition: Int?

    @Option(
        help: ArgumentHelp(
            "Genes for each perturbation, or perturbations for a gene; all or 0 for every one, "
                + "tested or not. (default: 5 for each perturbation; 20 for one perturbation or "
                + "gene, with --tsv or --json all)",
            valueName: "count"
        )
    )
    var top: ShowCount?

    @Option(help: "Rank by score, pvalue, lfc, or keep the order of the file.")
    var sortBy: EffectOrder = .score

    @Flag(help: "Print tab-separated values.")
    var tsv = false

    @Flag(help: "Print JSON.")
    var json = false

    package init() {}

    package func validate() throws {
        if tsv, json { throw ValidationError("--tsv and --json exclude each other") }
        if [perturbation != nil, gene != nil, genePosition != nil].filter({ $0 }).count > 1 {
            throw ValidationError("--perturbation, --gene and --gene-position exclude each other")
        }
    }

    package func run() throws {
        do throws(RunFailure) {
            try show()
        } catch {
            FileHandle.standardError.write(Data("\(error.description)\n".utf8))
            throw ExitCode(error.status.rawValue)
        }
    }

    private func show() throws(RunFailure) {
        guard FileManager.default.fileExists(atPath: result) else {
            throw RunFailure(.noInput, "\(result): no such file")
        }
        let reader: ResultReader
        do throws(AnnDataWriteError) {
            reader = try ResultReader(path: result, from: .any)
        } catch {
            throw RunFailure(reading: error)
        }
        let isOne = perturbation != nil || gene != nil || genePosition != nil
        let table = try EffectTable(reader: reader, hasEveryLayer: isOne && (tsv || json))
        let query = EffectQuery(
            subject: try subject(table),
            top: (top ?? .standard(isOne: isOne, isForPeople: !tsv && !json)).limit,
            order: sortBy
        )
        let form: EffectText.Form = tsv ? .tsv : json ? .json : .table
        var text = EffectText(form, table, subject: query.subject)
        var output = StandardOutput()
        guard try output.write(text.header()) else { return }
        var isRead = true
        let untested = try table.visit(query) { (effects) throws(RunFailure) in
            isRead = try output.write(text.lines(effects))
            return isRead
        }
        guard isRead, try output.write(text.footer()), try output.flush() else { return }
        for note in EffectNotes.lines(reader, query.subject, untested: untested) {
            FileHandle.standardError.write(Data("\(note)\n".utf8))
        }
    }

    private func subject(_ table: EffectTable) throws(RunFailure) -> EffectQuery.Subject {
        if let perturbation { return .perturbation(try table.row(of: perturbation)) }
        if let gene { return .gene(try table.gene(named: gene)) }
        if let genePosition { return .gene(try table.gene(at: genePosition)) }
        return .everything
    }
}

/// How many effects to show.
package enum ShowCount: ExpressibleByArgument, Equatable {
    /// Every one.
    case all
    /// The first ones.
    case first(Int)

    /// A number, or `all`, which 0 stands for too.
    package init?(argument: String) {
        if argument.lowercased() == "all" || argument == "0" {
            self = .all
        } else if let count = Int(argument), count > 0 {
            self = .first(count)
        } else {
            return nil
        }
    }

    /// Nil for all.
    var limit: Int? {
        guard case .first(let count) = self else { return nil }
        return count
    }

    /// What is shown unless something else is asked for.
    static func standard(isOne: Bool, isForPeople: Bool) -> ShowCount {
        if !isOne { return .first(5) }
        return isForPeople ? .first(20) : .all
    }
}

extension EffectOrder: ExpressibleByArgument {}
