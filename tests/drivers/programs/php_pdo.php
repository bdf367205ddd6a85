<?php
// PHP's PDO. An error's detail and hint are lines of its message; arrays come as the server writes them.
declare(strict_types=1);

function say(string $step, mixed $value): void
{
    echo json_encode(["step" => $step, "value" => $value], JSON_THROW_ON_ERROR), "\n";
}

function told(PDOException $error): array
{
    return [
        "class" => get_class($error),
        "sqlstate" => $error->getCode(),
        "message" => $error->getMessage(),
        "detail" => null,
        "hint" => null,
    ];
}

function failure(callable $work): PDOException
{
    try {
        $work();
    } catch (PDOException $error) {
        return $error;
    }
    throw new LogicException("it passed");
}

$url = parse_url($argv[1]);
$name = substr($url["path"], 1);
$db = new PDO("pgsql:host={$url["host"]};port={$url["port"]};dbname=$name", $url["user"]);
$pid = $db->pgsqlGetPid();
$insert = $db->prepare("INSERT INTO orders VALUES (?, ?)");
$select = $db->prepare("SELECT item FROM orders WHERE id = ?");
$ids = function (int $first, int $last) use ($db): array {
    $query = $db->prepare("SELECT id FROM orders WHERE id BETWEEN :first AND :last ORDER BY id");
    $query->execute(["first" => $first, "last" => $last]);
    return $query->fetchAll(PDO::FETCH_COLUMN);
};
$item = function (int $id) use ($select): ?string {
    $select->execute([$id]);
    return $select->fetchColumn() ?: null;
};
say("connect", phpversion("pdo_pgsql"));

$db->exec("CREATE TEMP TABLE scratch (id int PRIMARY KEY, label text, price numeric(10, 2), day date, doc jsonb,"
    . " raw bytea, tags int[], nothing text)");
$values = $db->prepare("INSERT INTO scratch VALUES (1, ?, ?, ?, ?, ?, ?, ?)");
$values->bindValue(1, "déjà 🐘 \\ ' \"");
$values->bindValue(2, "12.50");
$values->bindValue(3, "2026-03-04");
$values->bindValue(4, json_encode(["a" => [1, null, "x"]]));
$values->bindValue(5, hex2bin("00ff0d0a"), PDO::PARAM_LOB);
$values->bindValue(6, "{1,2,3}");
$values->bindValue(7, null, PDO::PARAM_NULL);
$values->execute();
$row = $db->query("SELECT label, price, day, doc, raw, tags, nothing FROM scratch")->fetch(PDO::FETCH_ASSOC);
$row["doc"] = json_decode($row["doc"]);
$row["raw"] = bin2hex(stream_get_contents($row["raw"]));
say("values", $row);

$db->beginTransaction();
$insert->execute([2, "desk"]);
$db->commit();
$db->beginTransaction();
$insert->execute([3, "chair"]);
$db->rollBack();
say("transactions", $ids(1, 9));
say("prepared", array_map($item, [1, 2, 9]));
$db->exec("INSERT INTO orders VALUES (10, 'a'); INSERT INTO orders VALUES (11, 'b'); INSERT INTO orders VALUES (12, 'c')");
say("batch", $ids(10, 19));

$db->pgsqlCopyFromArray("orders", ["20\tpen", "21\tink"]);
say("copy", implode("", $db->pgsqlCopyToArray("(SELECT * FROM orders WHERE id IN (20, 21) ORDER BY id)")));

$db->exec("LISTEN news");
$db->exec("NOTIFY news, 'hello'");
$heard = $db->pgsqlGetNotify(PDO::FETCH_ASSOC, 20000);
say("notify", [$heard["message"], $heard["payload"]]);
$described = $db->query("SELECT * FROM orders LIMIT 0");
say("columns", [$described->getColumnMeta(0)["name"], $described->getColumnMeta(1)["name"]]);

say("refused_drop", told(failure(fn () => $db->exec("DROP TABLE orders"))));
$db->beginTransaction();
$insert->execute([30, "never"]);
say("refused_delete", told(failure(fn () => $db->prepare("DELETE FROM orders")->execute())));
say("aborted", failure(fn () => $db->query("SELECT 1"))->getCode());
$db->rollBack();
say("rolled_back", $ids(30, 39));

$found = $item(1);
$insert->execute([40, "vase"]);
$update = $db->prepare("UPDATE orders SET item = :item WHERE id = :id");
$update->execute(["item" => "table", "id" => 2]);
$scratch = $db->query("SELECT count(*) FROM scratch")->fetchColumn();
$same = $db->query("SELECT pg_backend_pid()")->fetchColumn() === $pid;
$db->exec("DROP TABLE scratch");
say("more_work", ["item" => $found, "changed" => $update->rowCount(), "scratch" => $scratch, "same_connection" => $same]);
