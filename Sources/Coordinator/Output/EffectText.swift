import AnnData
import Foundation

/// Effects as text, a part at a time.
package struct EffectText {
    /// How effects are written.
    package enum Form: Sendable {
        /// For people: aligned and rounded.
        case table
        /// Tab-separated, every digit.
        case tsv
        /// An array of objects, every digit; values that are not finite are null.
        case json
    }

    /// Names longer than this do not widen the column of all the others.
    private static let widestGene = 20

    package let form: Form
    let columns: [EffectColumn]
    let perturbations: [String]
    let genes: [String]
    private let widths: [Int]
    private var isEmpty = true

    /// A text of the given form.
    ///
    /// - Parameters:
    ///   - form: How effects are written.
    ///   - table: Where they come from.
    ///   - subject: Whose effects they are, for the width of columns.
    package init(_ form: Form, _ table: EffectTable, subject: EffectQuery.Subject) {
        self.form = form
        columns = table.columns
        perturbations = table.reader.perturbations
        genes = table.reader.genes
        var labels = perturbations[...]
        var names = genes[...]
        switch subject {
        case .everything: break
        case .perturbation(let row): labels = perturbations[row...row]
        case .gene(let gene): names = genes[gene...gene]
        }
        let label = labels.map(\.count).max() ?? 0
        let name = min(Self.widestGene, names.map(\.count).max() ?? 0)
        widths = [max("perturbation".count, label), max("gene".count, name)]
    }

    private var names: [String] { ["perturbation", "gene"] + columns.map(\.name) }

    /// What stands before the first effect.
    package func header() -> String {
        switch form {
        case .json: "["
        case .tsv: names.joined(separator: "\t") + "\n"
        case .table: aligned(names)
        }
    }

    /// Some effects.
    package mutating func lines(_ effects: [Effect]) -> String {
        var text = ""
        for effect in effects {
            switch form {
            case .json:
                text += isEmpty ? "\n  " : ",\n  "
                text += object(effect)
            case .tsv:
                let fields = [
                    Self.field(perturbations[effect.row]), Self.field(genes[effect.gene]),
                ]
                let numbers = zip(columns, effect.values).map { Self.exact($1, $0) }
                text += (fields + numbers).joined(separator: "\t") + "\n"
            case .table:
                let numbers = zip(columns, effect.values).map { Self.rounded($1, $0) }
                text += aligned([perturbations[effect.row], genes[effect.gene]] + numbers)
            }
            isEmpty = false
        }
        return text
    }

    /// What stands after the last effect.
    package func footer() -> String {
        guard form == .json else { return "" }
        return isEmpty ? "]\n" : "\n]\n"
    }

    private func object(_ effect: Effect) -> String {
        let labels = [Self.quoted(perturbations[effect.row]), Self.quoted(genes[effect.gene])]
        let numbers = zip(columns, effect.values).map { column, value in
            value.isFinite ? Self.exact(value, column) : "null"
        }
        let entries = zip(names, labels + numbers).map { "\(Self.quoted($0)): \($1)" }
        return "{" + entries.joined(separator: ", ") + "}"
    }

    /// The shortest digits that give the stored number back.
    private static func exact(_ value: Double, _ column: EffectColumn) -> String {
        column.isSingle ? "\(Float(value))" : "\(value)"
    }

    private static func rounded(_ value: Double, _ column: EffectColumn) -> String {
        switch column.layer {
        case "z_score": String(format: "%.2f", value)
        case "pvalue", "pvalue_adj": String(format: "%.2e", value)
        default: String(format: "%.3f", value)
        }
    }

    /// A name as a field between tabs.
    private static func field(_ name: String) -> String {
        guard name.utf8.contains(where: { $0 < 32 }) else { return name }
        return name.replacing("\t", with: "\\t").replacing("\n", with: "\\n")
            .replacing("\r", with: "\\r")
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 32:
                quoted += String(format: "\\u%04x", scalar.value)
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }

    /// One line of columns, names to the left and numbers to the right.
    private func aligned(_ fields: [String]) -> String {
        var line = ""
        for (column, text) in fields.enumerated() {
            let width = column < 2 ? widths[column] : max(9, names[column].count)
            let padding = String(repeating: " ", count: max(0, width - text.count))
            line += (column == 0 ? "" : "  ") + (column < 2 ? text + padding : padding + text)
        }
        return line + "\n"
    }
}
