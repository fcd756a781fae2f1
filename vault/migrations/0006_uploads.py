"""Files that come in parts, and objects found by what their names begin with."""

import django.db.models.deletion
import django.db.models.functions.text
import hq.db.fields
import hq.db.models
import hq.lib.clock
import hq.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("tenants", "0005_machines"),
        ("vault", "0005_deleted_by_path"),
    ]

    operations = [
        migrations.CreateModel(
            name="Upload",
            fields=[
                ("id", models.UUIDField(default=hq.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("OPEN", "Open"),
                            ("ASSEMBLING", "Assembling"),
                            ("DONE", "Done"),
                            ("GIVEN_UP", "Given Up"),
                        ],
                        default="OPEN",
                        max_length=10,
                    ),
                ),
                ("path", models.TextField(db_collation="C")),
                ("size", models.BigIntegerField()),
                ("part_size", models.BigIntegerField()),
                ("content_type", hq.db.fields.SealedTextField(purpose="metadata")),
                ("sha256", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
                ("conditions", hq.db.fields.SealedJSONField(purpose="metadata")),
                ("begun", models.BooleanField(default=False)),
                ("handle", models.TextField(default="")),
                ("parts_key", hq.db.fields.SealedTextField(purpose="metadata")),
                ("address_version", models.PositiveIntegerField()),
                ("parts_kept", models.BooleanField(default=True)),
                ("created_by_kind", models.CharField(max_length=20)),
                ("created_by_id", models.UUIDField()),
                ("created_by", hq.db.fields.SealedTextField(purpose="metadata")),
                ("method", models.CharField(max_length=20)),
                ("origin", hq.db.fields.SealedJSONField(null=True, purpose="metadata")),
                ("created_at", models.DateTimeField(default=hq.lib.clock.now)),
                ("expires_at", models.DateTimeField()),
                ("created", models.BooleanField(null=True)),
                ("event_id", models.UUIDField(null=True)),
                ("event_index", models.BigIntegerField(null=True)),
                ("refusal", models.CharField(default="", max_length=60)),
                ("refusal_detail", hq.db.fields.SealedTextField(null=True, purpose="metadata")),
            ],
        ),
        migrations.AddField(
            model_name="storedobject",
            name="search_name",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.db.models.functions.text.Lower(
                    models.Func(
                        models.Func(
                            models.F("path"), models.Value("^.*/"), models.Value(""), function="regexp_replace"
                        ),
                        models.Value(
                            "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙÚÛÜÝÞĀĂĄĆĈĊČĎĐĒĔĖĘĚĜĞĠĢĤĦĨĪĬĮĲĴĶĹĻĽĿŁŃŅŇŊŌŎŐŒŔŖŘŚŜŞŠŢŤŦŨŪŬŮŰŲŴŶŸŹŻŽͰͲͶͿΆΈΉΊΌΎΏΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΪΫϏϘϚϜϞϠϢϤϦϨϪϬϮϷϹϺϽϾϿЀЁЂЃЄЅІЇЈЉЊЋЌЍЎЏАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯḀḂḄḆḈḊḌḎḐḒḔḖḘḚḜḞḠḢḤḦḨḪḬḮḰḲḴḶḸḺḼḾṀṂṄṆṈṊṌṎṐṒṔṖṘṚṜṞṠṢṤṦṨṪṬṮṰṲṴṶṸṺṼṾẀẂẄẆẈẊẌẎẐẒẔẞẠẢẤẦẨẪẬẮẰẲẴẶẸẺẼẾỀỂỄỆỈỊỌỎỐỒỔỖỘỚỜỞỠỢỤỦỨỪỬỮỰỲỴỶỸỺỼỾ"
                        ),
                        models.Value(
                            "àáâãäåæçèéêëìíîïðñòóôõöøùúûüýþāăąćĉċčďđēĕėęěĝğġģĥħĩīĭįĳĵķĺļľŀłńņňŋōŏőœŕŗřśŝşšţťŧũūŭůűųŵŷÿźżžͱͳͷϳάέήίόύώαβγδεζηθικλμνξοπρστυφχψωϊϋϗϙϛϝϟϡϣϥϧϩϫϭϯϸϲϻͻͼͽѐёђѓєѕіїјљњћќѝўџабвгдежзийклмнопрстуфхцчшщъыьэюяḁḃḅḇḉḋḍḏḑḓḕḗḙḛḝḟḡḣḥḧḩḫḭḯḱḳḵḷḹḻḽḿṁṃṅṇṉṋṍṏṑṓṕṗṙṛṝṟṡṣṥṧṩṫṭṯṱṳṵṷṹṻṽṿẁẃẅẇẉẋẍẏẑẓẕßạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹỻỽỿ"
                        ),
                        function="translate",
                    )
                ),
                output_field=models.TextField(db_collation="C"),
            ),
        ),
        migrations.AddIndex(
            model_name="storedobject",
            index=models.Index(
                condition=models.Q(("deleted_at__isnull", True)),
                fields=["organization", "environment", "search_name", "path"],
                name="vault_live_by_name",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="api_key",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.apikey",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="bucket",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="vault.bucket",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="environment",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.environment",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="membership",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.membership",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="organization",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="tenants.organization",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="service_account",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="tenants.serviceaccount",
            ),
        ),
        migrations.AddField(
            model_name="upload",
            name="version",
            field=hq.db.models.TenantForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="vault.objectversion",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(fields=["expires_at"], name="vault_upload_expiring"),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                condition=models.Q(("parts_kept", True), ("state__in", ["DONE", "GIVEN_UP"])),
                fields=["organization"],
                name="vault_upload_to_clear",
            ),
        ),
        migrations.AddIndex(
            model_name="upload",
            index=models.Index(
                fields=["organization", "environment", "created_by_id", "-id"], name="vault_upload_by_maker"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["OPEN", "ASSEMBLING", "DONE", "GIVEN_UP"])),
                name="vault_upload_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("created__isnull", False),
                        ("event_id__isnull", False),
                        ("event_index__isnull", False),
                        ("state", "DONE"),
                    ),
                    models.Q(
                        models.Q(("state", "DONE"), _negated=True),
                        ("created__isnull", True),
                        ("event_id__isnull", True),
                        ("event_index__isnull", True),
                        ("version__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="vault_upload_became_a_version_iff_done",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("size__gte", 0), ("part_size__gte", 1)), name="vault_upload_counts_from_nothing"
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("parts_kept", True), ("state__in", ["DONE", "GIVEN_UP"]), _connector="OR"),
                name="vault_upload_keeps_its_parts_until_it_ends",
            ),
        ),
        migrations.AddConstraint(
            model_name="upload",
            constraint=models.CheckConstraint(
                condition=models.Q(("membership__isnull", True), ("service_account__isnull", True), _connector="OR"),
                name="vault_upload_has_one_maker",
            ),
        ),
    ]
